// An ENT's OpenID provider (oidc-provider, with the paths of Apereo CAS) over TLS on loopback, with
// the people of people.json.
//
//     oidc.mjs PORT FOLDER REDIRECT [plain-well-known]
//
// FOLDER holds idp.crt and idp.key; keys.json in it, when present, holds the private signing keys
// (a new key is made otherwise). Clients: `preau` (secret `secret-of-preau`) and `preau-public`.
import { createRequire } from 'node:module';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

// oidc-provider is written for Node.js 22; 20 lacks this alone of what it calls.
URL.parse ??= (url, base) => { try { return new URL(url, base); } catch { return null; } };

const [port, folder, redirect, mode] = process.argv.slice(2);
const here = path.dirname(new URL(import.meta.url).pathname);
const modules = path.join(here, '../../../target/idp/node_modules/');
const require = createRequire(pathToFileURL(modules));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const people = JSON.parse(readFileSync(path.join(here, 'people.json')));
const keys = path.join(folder, 'keys.json');
const fresh = () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: `k${Date.now()}` };
};
const prefix = '/oidc';
const issuer = `https://localhost:${port}${prefix}`;
const client = (id, more) => ({
  client_id: id, redirect_uris: [redirect], grant_types: ['authorization_code'],
  response_types: ['code'], ...more,
});

const provider = new Provider(issuer, {
  clients: [
    client('preau', { client_secret: 'secret-of-preau' }),
    client('preau-public', { token_endpoint_auth_method: 'none' }),
  ],
  jwks: { keys: existsSync(keys) ? JSON.parse(readFileSync(keys)) : [fresh()] },
  cookies: { keys: ['of a test, on loopback'] },
  routes: {
    authorization: '/oidcAuthorize', token: '/oidcAccessToken', userinfo: '/oidcProfile', jwks: '/jwks',
    end_session: '/oidcLogout', introspection: '/introspect', revocation: '/revoke',
  },
  scopes: ['openid', 'ent'],
  claims: { openid: ['sub'], ent: ['uid', 'ENTPersonProfils', 'ENTPersonStructRattachRNE', 'ENTEleveClasses'] },
  pkce: { required: () => true },
  findAccount: (_, login) => people[login] && {
    accountId: login,
    claims: () => ({ sub: login, ...people[login].attributes }),
  },
  // The region has one registered client: people are not asked what it may know.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      accountId: ctx.oidc.session.accountId, clientId: ctx.oidc.client.clientId,
    });
    grant.addOIDCScope('openid ent');
    await grant.save();
    return grant;
  },
});

const callback = provider.callback();
const credentials = {
  cert: readFileSync(path.join(folder, 'idp.crt')), key: readFileSync(path.join(folder, 'idp.key')),
};
createServer(credentials, (request, response) => {
  const document = `${prefix}/.well-known`;
  if (mode === 'plain-well-known') {
    if (request.url === `${document}/openid-configuration`) {
      response.writeHead(404).end();
      return;
    }
    if (request.url === document) request.url = `${document}/openid-configuration`;
  }
  request.originalUrl = request.url;
  request.url = request.url.startsWith(prefix) ? request.url.slice(prefix.length) || '/' : '/none';
  callback(request, response);
}).listen(Number(port), '127.0.0.1');
