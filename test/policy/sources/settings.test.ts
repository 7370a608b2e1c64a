/** What is said of a wrong setting: the words and keys of the place where it stands. */
import { expect, it } from "vitest";
import { checkPolicy } from "../../../src/policy/policy.ts";
import { policyConfig } from "../policy-files.ts";

const said = async (pack: string, settings: object): Promise<string[]> => {
  const { config, deps } = policyConfig({ packs: [pack], settings: { [pack]: settings } });
  return (await checkPolicy(config, deps)).map(({ message, hint }) => (hint === undefined ? message : `${message} ${hint}`));
};

it.each([
  [
    "a mistyped key of a level",
    "pii",
    { client_to_server: { thirdparty: { email: "deny" } } },
    "policy.settings.pii.client_to_server.thirdparty: there is no setting `thirdparty`. Did you mean `third_party`?",
  ],
  [
    "a key that is like none of its level",
    "egress",
    { private_networks: { mode: "allow" } },
    "policy.settings.egress.private_networks.mode: there is no setting `mode`. The settings are third_party, partner, internal.",
  ],
  [
    "a kind that is mistyped",
    "pii",
    { min_score: { emial: 0.5 } },
    "policy.settings.pii.min_score.emial: there is no setting `emial`. Did you mean `email`?",
  ],
  [
    "a mistyped key in an entry of a list",
    "protocol_and_identity",
    { access: [{ principal: ["*"] }] },
    "policy.settings.protocol_and_identity.access.0.principal: there is no setting `principal`. Did you mean `principals`?",
  ],
  [
    "a value that is mistyped",
    "secrets",
    { exempt_kinds: ["jtw"] },
    "policy.settings.secrets.exempt_kinds.0 must be one of aws_access_key, aws_secret_key, github_token, slack_token, slack_webhook, stripe_key, openai_key, anthropic_key, private_key, jwt. Did you mean `jwt`?",
  ],
  [
    "a host that is a URL",
    "egress",
    { allowed_hosts: ["https://API.example.com"] },
    "policy.settings.egress.allowed_hosts.0 must be a host name or address in lower case without scheme or port, such as api.example.com or *.example.com.",
  ],
  [
    "a host that is empty",
    "egress",
    { blocked_hosts: [""] },
    "policy.settings.egress.blocked_hosts.0 must be a host name or address in lower case without scheme or port, such as api.example.com or *.example.com.",
  ],
  [
    "a tool with a star within",
    "protocol_and_identity",
    { deny_tools: ["a*b"] },
    "policy.settings.protocol_and_identity.deny_tools.0 must be a name; `*` stands only alone or at the end.",
  ],
])("says of %s what its place takes", async (_name, pack, settings, expected) => {
  expect(await said(pack, settings)).toEqual([expected]);
});
