// Loaded before the suite's own program (`node --import`): sends every request through a forward
// proxy, in absolute-form, as a browser does in the clear. The suite's `fetch` (node-fetch) asks
// Node's `http.request`, and knows no proxy. The global `fetch` of Node adds `Cache-Control` of its
// own to conditional requests, which would test another thing.
import http from 'node:http'

if (!process.env.PREAU_PROXY) throw new Error('PREAU_PROXY names no proxy: nothing would be tested')
const proxy = new URL(process.env.PREAU_PROXY)
const direct = http.request

http.request = (options, answered) => {
  const target = new URL(`http://${options.hostname}:${options.port ?? 80}`)
  return direct({
    protocol: 'http:',
    hostname: proxy.hostname,
    port: proxy.port,
    method: options.method,
    path: target.origin + options.path,
    headers: { ...options.headers, Host: target.host }
  }, answered)
}
