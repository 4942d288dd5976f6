// What a script is given, and how it tells what it saw: the test judges.
import { createPrivateKey } from "node:crypto";

export const given = JSON.parse(process.env.GIVEN);
export const algorithms = {
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
};

/** The client's private key. */
export function signingKey() {
  const pkcs8 = createPrivateKey(given.pem).export({ type: "pkcs8", format: "der" });
  return crypto.subtle.importKey("pkcs8", pkcs8, algorithms[given.alg], false, ["sign"]);
}

export const seen = [];

/** fetch that keeps method, path and status of each request. */
export async function watched(url, options) {
  const answer = await fetch(url, options);
  seen.push(`${options.method ?? "GET"} ${new URL(url).pathname} ${answer.status}`);
  return answer;
}

/** How something failed, which has to: a word of the library's and the status. */
export async function failure(attempt) {
  try {
    await attempt();
  } catch (error) {
    const { code, status, cause } = error;
    return { code, status, error: error.error ?? cause?.[0]?.parameters?.error ?? null };
  }
  return null;
}

/** Whether it comes true within the ten seconds that a loaded machine may need. */
export async function comes(condition) {
  for (const until = Date.now() + 10_000; Date.now() < until; ) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
