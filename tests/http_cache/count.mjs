// Counts a result of http-cache-tests: node count.mjs PACKAGE RESULT.json. Prints one line of JSON:
// for each kind how many pass of how many, and the required ones that fail. A test passes when it
// says `true`, and all it depends on pass; tests for browsers' own caches are left out.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, result] = process.argv.slice(2)
const { default: suites } = await import(pathToFileURL(resolve(folder, 'tests/index.mjs')))
const said = JSON.parse(await readFile(result, 'utf8'))
const tests = new Map(suites.flatMap(suite => suite.tests).map(test => [test.id, test]))

const passes = id => said[id] === true && (tests.get(id)?.depends_on ?? []).every(passes)

const counts = {}
const failed = []
for (const test of tests.values()) {
  if (test.browser_only) continue
  const kind = test.kind ?? 'required'
  const count = (counts[kind] ??= { pass: 0, of: 0 })
  count.of += 1
  if (passes(test.id)) count.pass += 1
  else if (kind !== 'check') failed.push({ kind, id: test.id, said: said[test.id] ?? 'not run' })
}
console.log(JSON.stringify({ ...counts, failed }))
