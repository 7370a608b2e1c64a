/**
 * Secrets that show what they are by their prefix: one row a kind. Adding a kind is adding a row, and its cases.
 * Must not need a label, and must not judge whether a token is live.
 */
import { continuesWord } from "../bytes.ts";
import { findByPattern } from "../candidates.ts";
import type { Detector } from "../detector.ts";

interface TokenFormat {
  readonly kind: string;
  readonly description: string;
  readonly label: string;
  readonly source: string;
  /** Coarse, for the gate (see Detector). */
  readonly gate: string;
  /** RE2, greedy to the end of the token, without captures. */
  readonly pattern: string;
  /** Whether a letter, digit or underscore in front shows that this is part of something else ("task-…"). */
  readonly startsWord: boolean;
}

const FORMATS: readonly TokenFormat[] = [
  {
    kind: "aws_access_key",
    description: "AWS access key id",
    label: "AWS_KEY",
    source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
    gate: "A(?:KIA|SIA|BIA|CCA|3T)",
    pattern: "A(?:KIA|SIA|BIA|CCA|3T[A-Z0-9])[A-Z0-9]{16,}",
    startsWord: false,
  },
  {
    kind: "github_token",
    description: "GitHub token (personal, OAuth, app, refresh, fine-grained)",
    label: "GITHUB_TOKEN",
    source: "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github",
    gate: "gh[pousr]_|github_pat_",
    pattern: "gh[pousr]_[A-Za-z0-9_]{36,}|github_pat_[A-Za-z0-9_]{22,}",
    startsWord: false,
  },
  {
    kind: "slack_token",
    description: "Slack token (bot, user, app, refresh, configuration)",
    label: "SLACK_TOKEN",
    source: "https://api.slack.com/concepts/token-types",
    gate: "xox[a-z]-|xapp-[0-9]",
    pattern: "(?:xoxe\\.)?xox[abcdeoprs]-[A-Za-z0-9%-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,}",
    startsWord: false,
  },
  {
    kind: "slack_webhook",
    description: "Slack webhook URL",
    label: "SLACK_WEBHOOK",
    source: "https://api.slack.com/messaging/webhooks",
    gate: "(?i:hooks\\.slack)",
    pattern: "(?i:https?://)?(?i:hooks\\.slack(?:-gov)?\\.com)/(?:services|workflows|triggers)/[A-Za-z0-9_/-]{20,}",
    startsWord: false,
  },
  {
    kind: "stripe_key",
    description: "Stripe secret or restricted key",
    label: "STRIPE_KEY",
    source: "https://docs.stripe.com/keys",
    gate: "[sr]k_(?:live|test)_",
    pattern: "[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    startsWord: false,
  },
  {
    kind: "openai_key",
    description: "OpenAI API key",
    label: "OPENAI_KEY",
    source: "https://platform.openai.com/docs/api-reference/authentication",
    gate: "sk-(?:proj|svcacct|admin|None)-|sk-[A-Za-z0-9]{8}",
    pattern: "sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{32,}",
    startsWord: true,
  },
  {
    kind: "anthropic_key",
    description: "Anthropic API key",
    label: "ANTHROPIC_KEY",
    source: "https://docs.anthropic.com/en/api/overview",
    gate: "sk-ant-",
    pattern: "sk-ant-[A-Za-z0-9_-]{20,}",
    startsWord: true,
  },
];

/** Real tokens are random; "ghp_xxxxxxxx…" in a manual is not one. */
const LEAST_DISTINCT = 6;
const LOOKED_AT = 24;

function isPlaceholder(text: Buffer, start: number, end: number): boolean {
  return new Set(text.subarray(Math.max(start, end - LOOKED_AT), end)).size < LEAST_DISTINCT;
}

export const tokens: readonly Detector[] = FORMATS.map(({ pattern, startsWord, ...format }) => ({
  ...format,
  category: "secret",
  find: findByPattern(pattern, (text, start, end) => {
    if (isPlaceholder(text, start, end) || (startsWord && continuesWord(text, start))) return end;
    return { start, end, score: 0.99 };
  }),
}));
