/**
 * Every kind that Sluice finds, in one list. Must hold no logic: adding a kind is adding a detector here.
 */
import type { Detector } from "./detector.ts";
import { card } from "./pii/card.ts";
import { email } from "./pii/email.ts";
import { iban } from "./pii/iban.ts";
import { ipv4 } from "./pii/ipv4.ts";
import { phone } from "./pii/phone.ts";
import { usSsn } from "./pii/us-ssn.ts";
import { awsSecretKey } from "./secrets/aws-secret-key.ts";
import { jwt } from "./secrets/jwt.ts";
import { privateKey } from "./secrets/private-key.ts";
import { tokens } from "./secrets/tokens.ts";

export const PII: readonly Detector[] = [email, card, usSsn, iban, phone, ipv4];
export const SECRETS: readonly Detector[] = [...tokens, awsSecretKey, privateKey, jwt];
