// A partner's program over oauth4webapi, which leaves each step to its caller: from the resource to its server
// (RFC 9728), a token, a call; and the token as a resource server of somebody else's would read it (RFC 9068, RFC 9449).
import * as oauth from "oauth4webapi";

import { failure, given, seen, signingKey, watched } from "./given.mjs";

const how = { [oauth.customFetch]: watched };
const resource = new URL(given.gateway);
const answered = await oauth.resourceDiscoveryRequest(resource, how);
const described = await oauth.processResourceDiscoveryResponse(resource, answered);
const issuer = new URL(described.authorization_servers[0]);
const found = await oauth.discoveryRequest(issuer, { ...how, algorithm: "oauth2" });
const as = await oauth.processDiscoveryResponse(issuer, found);

const client = { client_id: given.client_id };
const auth = given.secret
  ? oauth.ClientSecretBasic(given.secret)
  : oauth.PrivateKeyJwt({ key: await signingKey(), kid: given.kid });
const DPoP = given.secret ? undefined : oauth.DPoP(client, await oauth.generateKeyPair("ES256"));

/** The library says when a nonce is asked for; trying again is the caller's. */
async function again(step) {
  try {
    return await step();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return step();
  }
}

const token = await again(async () => {
  const parameters = new URLSearchParams({ resource: described.resource });
  const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, parameters, { ...how, DPoP });
  return oauth.processClientCredentialsResponse(as, client, answer);
});
const url = new URL("/v1/shipments?fields=shipment_id", resource);
const call = (access, fetched = watched) =>
  oauth.protectedResourceRequest(access, "GET", url, new Headers(), null, { DPoP, [oauth.customFetch]: fetched });
const answer = await again(() => call(token.access_token));

let shown;
await call(token.access_token, async (asked, options) => {
  shown = new Request(asked, { method: options.method, headers: options.headers });
  return new Response();
});
const read = await oauth.validateJwtAccessToken(as, shown, described.resource, {
  requireDPoP: DPoP !== undefined,
  signingAlgorithms: ["ES256"],
});

const made = (parameters) => async () =>
  oauth.processClientCredentialsResponse(
    as,
    client,
    await oauth.clientCredentialsGrantRequest(as, client, auth, new URLSearchParams(parameters), { ...how, DPoP }),
  );
const elsewhere = await failure(made({ resource: "https://elsewhere.example" }));
const unsaid = await failure(made({}));
const tampered = await failure(() => call(`${token.access_token}x`));

const asked = await oauth.introspectionRequest(as, client, auth, token.access_token, how);
const own = await oauth.processIntrospectionResponse(as, client, asked);
await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token.access_token, how));
const askedAgain = await oauth.introspectionRequest(as, client, auth, token.access_token, how);
const after = await oauth.processIntrospectionResponse(as, client, askedAgain);

const said = {
  type: token.token_type,
  status: answer.status,
  body: await answer.json(),
  read,
  thumbprint: DPoP ? await DPoP.calculateThumbprint() : null,
  elsewhere,
  unsaid,
  tampered,
  own,
  after,
  seen: seen.slice(0, 5),
};
console.log(JSON.stringify(said));
