/**
 * AWS secret access keys: forty characters of base64 without a prefix of their own, so only behind a label or an access key id.
 */
import { isAlphanumeric, isLabelled } from "../bytes.ts";
import type { Detector, Match } from "../detector.ts";

const LENGTH = 40;
const PLUS = 0x2b;
const SLASH = 0x2f;
const EQUALS = 0x3d;
/** `isLabelled` hands over lower-case words; the gate below matches every spelling of these. */
const LABEL = /\baws ?secret|\bsecret[ .-]?(?:access[ .-]?)?key|\b(?:akia|asia)[a-z0-9 ]{16,24}\b/;

export const awsSecretKey: Detector = {
  kind: "aws_secret_key",
  category: "secret",
  description: "AWS secret access key, labelled",
  label: "AWS_SECRET",
  source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
  gate: "(?i:aws.?secret|secret.?access|secret.?key|akia|asia)",
  find(text, limit) {
    const matches: Match[] = [];
    for (let at = 0; at < text.length && matches.length < limit; at += 1) {
      if (!isKeyByte(text[at])) continue;
      let end = at + 1;
      while (isKeyByte(text[end])) end += 1;
      if (end - at === LENGTH && text[end] !== EQUALS && isMixed(text, at) && isLabelled(text, at, LABEL)) {
        matches.push({ start: at, end, score: 0.95 });
      }
      at = end;
    }
    return matches;
  },
};

function isKeyByte(byte: number | undefined): boolean {
  return isAlphanumeric(byte) || byte === PLUS || byte === SLASH;
}

/** A SHA-1 in hex is forty characters, too. */
function isMixed(text: Buffer, start: number): boolean {
  const key = text.toString("latin1", start, start + LENGTH);
  return /[A-Z]/.test(key) && /[a-z]/.test(key) && /[0-9+/]/.test(key);
}
