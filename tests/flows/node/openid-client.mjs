// A partner's program over openid-client: discovery, a bound token, a call, introspection, revocation.
import * as client from "openid-client";

import { algorithms, comes, failure, given, seen, signingKey, watched } from "./given.mjs";

// It names the algorithm of Ed25519 keys as RFC 9864 does, unless told so: the profile has the word of RFC 8037.
const spelled = {
  [client.modifyAssertion]: (header) => {
    if (header.alg === "Ed25519") header.alg = "EdDSA";
  },
};
const signing = { key: await signingKey(), kid: given.kid };
const auth = client.PrivateKeyJwt(signing, spelled);
const config = await client.discovery(new URL(given.gateway), given.client_id, undefined, auth, {
  algorithm: "oauth2",
  [client.customFetch]: watched,
});
const pair = await crypto.subtle.generateKey(
  { ...algorithms[given.alg], modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  false,
  ["sign", "verify"],
);
const DPoP = client.getDPoPHandle(config, pair, spelled);

const token = await client.clientCredentialsGrant(config, { resource: given.gateway, authorization_details: given.details }, { DPoP });
const plain = client.PrivateKeyJwt(signing);
const unspelled = new client.Configuration(config.serverMetadata(), given.client_id, undefined, plain);
const asItIs = await failure(() => client.clientCredentialsGrant(unspelled, { resource: given.gateway }));
const url = new URL("/v1/shipments?fields=shipment_id", given.gateway);
const call = (how) => client.fetchProtectedResource(config, token.access_token, url, "GET", null, new Headers(), how);

const answer = await call({ DPoP });
const own = await client.tokenIntrospection(config, token.access_token);
const stolen = await failure(() => call({}));
const another = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
const otherKey = await failure(() => call({ DPoP: another }));
await client.tokenRevocation(config, token.access_token);
const revoked = await comes(async () => (await failure(() => call({ DPoP })))?.status === 401);
const unsaid = await failure(() => client.clientCredentialsGrant(config, {}, { DPoP }));
const after = await client.tokenIntrospection(config, token.access_token);

const said = {
  issuer: config.serverMetadata().issuer,
  token: { type: token.token_type, scope: token.scope, details: token.authorization_details },
  thumbprint: await DPoP.calculateThumbprint(),
  unsaid,
  asItIs,
  status: answer.status,
  body: await answer.json(),
  own,
  stolen,
  otherKey,
  revoked,
  after,
  seen: seen.slice(0, 6),
};
console.log(JSON.stringify(said));
