// Verifies an access token as the services in Node do: with jose and the
// remote key set, and with POST /auth/validate as the NestJS guards. Prints
// what comes of each token as JSON.
import { createRemoteJWKSet, jwtVerify } from 'jose';

const auth = process.env.AUTH + '/api/v1/auth/';
const keys = createRemoteJWKSet(new URL(auth + 'jwks'));
const exact = { issuer: 'manacore', audience: 'manacore' };

async function post(path, body) {
  const response = await fetch(auth + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(path + ': ' + response.status);
  return response.json();
}

async function jose(token, options = exact) {
  try {
    const { payload } = await jwtVerify(token, keys, options);
    return payload.email;
  } catch (error) {
    return error.code;
  }
}

async function guard(token) {
  const { valid, payload, error } = await post('validate', { token });
  return valid && payload.sub && (payload.sid || payload.sessionId) ? payload.email : error;
}

const { accessToken, refreshToken } = await post('login', { email: process.env.EMAIL, password: process.env.PASSWORD });
const [header, payload, signature] = accessToken.split('.');
const admin = Buffer.from(payload, 'base64url').toString().replace('"user"', '"admin"');
const forged = [header, Buffer.from(admin).toString('base64url'), signature].join('.');

const seen = {
  jose: await jose(accessToken),
  joseOtherIssuer: await jose(accessToken, { ...exact, issuer: 'manacore/' }),
  joseOtherAudience: await jose(accessToken, { ...exact, audience: 'Manacore' }),
  joseForged: await jose(forged),
  guard: await guard(accessToken),
  guardForged: await guard(forged),
};
await post('logout', { refreshToken });
seen.guardAfterLogout = await guard(accessToken);
console.log(JSON.stringify(seen));
