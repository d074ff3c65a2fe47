// A real OpenID provider on loopback: node provider.mjs PORT CALLBACK. Anybody may sign in as anybody.
import Provider from "oidc-provider";

const [port, callback] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const common = { redirect_uris: [callback], response_types: ["code"], grant_types: ["authorization_code"] };
const clients = [
  { ...common, client_id: "cpms-public", token_endpoint_auth_method: "none" },
  { ...common, client_id: "cpms/confidential", client_secret: "s3cret + %", token_endpoint_auth_method: "client_secret_basic" },
  { ...common, client_id: "cpms-post", client_secret: "another", token_endpoint_auth_method: "client_secret_post" },
];

const provider = new Provider(issuer, {
  clients,
  claims: { openid: ["sub"], profile: ["name"] },
  conformIdTokenClaims: false,
  findAccount: async (_context, id) => ({ accountId: id, claims: async () => ({ sub: id, name: `Dr ${id}` }) }),
  cookies: { keys: ["a key of a test"] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
});

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
