/**
 * What each kind must and must not fire on. `fires`: the text, and the part that is found (the whole text when there is no second).
 * Tokens are invented, and put together from pieces so that no scanner of repositories takes them for leaks.
 */

export interface KindCases {
  readonly fires: readonly (readonly [text: string, found?: string])[];
  readonly quiet: readonly string[];
}

const ALPHABET = "a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ";
/** Deterministic letters and digits of a token's length. */
export const filler = (length: number): string => ALPHABET.repeat(8).slice(0, length);
const hs256 = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString("base64url");
const body = `${filler(64)}\n${filler(40)}=`;
const pem = (name: string) => `-----BEGIN ${name}-----\n${body}\n-----END ${name}-----`;

export const CASES: Readonly<Record<string, KindCases>> = {
  email: {
    fires: [
      ["alice@example.com"],
      ["Write to <Bob.O'Neil+tag@mail.example.co.uk>, please.", "Bob.O'Neil+tag@mail.example.co.uk"],
      ["'carol@example.org'", "carol@example.org"],
      ["dave@corp.internal"],
      ["jürgen@bücher.example", "jürgen@bücher.example"],
      ["联系我：erin@example.com联系", "erin@example.com"],
      ["frank@example.com.The next sentence", "frank@example.com"],
      ["?name=grace&email=grace@example.com&x=1", "grace@example.com"],
      ["a@b@heidi.com", "b@heidi.com"],
      ["line\\nivan@example.com", "ivan@example.com"],
      ["judy@gmail.\u0441om", "judy@gmail.\u0441om"],
      ["user_1@123.example.net"],
    ],
    quiet: [
      "@types/node",
      "icon@2x.png",
      "lodash@4.17.21",
      "user@localhost",
      "a @ b.com",
      "@example.com",
      "x@",
      "john.@example.com",
      "@Injectable()",
    ],
  },
  card: {
    fires: [
      ["4111 1111 1111 1111"],
      ["4111-1111-1111-1111"],
      ["paid with 4242424242424242, thanks", "4242424242424242"],
      ["3782 822463 10005"],
      ["5555555555554444"],
      ["4111 1111 1111 1111 12/26 123", "4111 1111 1111 1111"],
      ["4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"],
      ["card: 4222222222222", "4222222222222"],
      ["credit card 6304 2737 3398", "6304 2737 3398"],
      ["2223003122003222"],
      ["6221260000000000"],
      ["card no. 3598899323053410", "3598899323053410"],
    ],
    quiet: [
      "4111111111111112",
      "1234567812345670",
      "0.4111111111111111",
      "4222222222222",
      "1719849600000",
      "41111111111111111111111",
      "9f4111111111111111ab0c77d2e9",
      "0000 0000 0000 0000",
      "2024-01-01 12:00:00",
    ],
  },
  us_ssn: {
    fires: [
      ["123-45-6789"],
      ["078 05 1120"],
      ["SSN: 123456789", "123456789"],
      ["social_security_number=219099999", "219099999"],
      ["ssn\\n123-45-6789", "123-45-6789"],
    ],
    quiet: [
      "000-12-3456",
      "666-12-3456",
      "912-34-5678",
      "123-00-4567",
      "123-45-0000",
      "123-45 6789",
      "123456789",
      "1-123-45-6789",
      "123-45-67890",
      "lesson 123456789",
    ],
  },
  iban: {
    fires: [
      ["DE89370400440532013000"],
      ["GB82 WEST 1234 5698 7654 32"],
      ["pay to FR14 2004 1010 0505 0001 3M02 606 now", "FR14 2004 1010 0505 0001 3M02 606"],
      ["nl91abna0417164300"],
      ["IBAN:CH93-0076-2011-6238-5295-7.", "CH93-0076-2011-6238-5295-7"],
      ["\\nDE89370400440532013000", "DE89370400440532013000"],
    ],
    quiet: [
      "DE89370400440532013001",
      "GB82 WEST 1234 5698 7654",
      "ZZ89370400440532013000",
      "XDE89370400440532013000",
      "DE893704004405320130001",
    ],
  },
  phone: {
    fires: [
      ["+44 20 7946 0958"],
      ["+1 (415) 555-2671"],
      ["+49 (0)30 901820"],
      ["call 415-555-2671 today", "415-555-2671"],
      ["(415) 555-2671"],
      ["1-415-555-2671"],
      ["Phone: 0471 90 79 05", "0471 90 79 05"],
      ["mobileNumber 07700900123", "07700900123"],
      ["(02) 9374 4000"],
      ["2024 415-555-2671", "415-555-2671"],
      ["+33 1 42 68 53 00 +33 1 42 68 53 01", "+33 1 42 68 53 00"],
    ],
    quiet: [
      "4155552671",
      "2024-01-01",
      "12.34.5678",
      "+1",
      "phone_id 12345678",
      "1.234567890",
      "order 1234567890123",
      "192.168.100.200",
      "+999 123 456 789",
      "123-45-6789",
    ],
  },
  ipv4: {
    fires: [
      ["8.8.8.8"],
      ["http://10.1.2.3:8080/x", "10.1.2.3"],
      ["from 203.0.113.9.", "203.0.113.9"],
      ["10.0.0.0/8", "10.0.0.0"],
      ["...1.2.3.4", "1.2.3.4"],
    ],
    quiet: [
      "version 1.2.3.4",
      "v1.2.3.4",
      "1.2.3.4.5",
      "256.1.1.1",
      "1.2.3",
      "Chrome/126.0.0.0",
      "pkg-1.2.3.4-beta",
      "1.2.3.4.tgz",
      "127.0.0.1",
      "0.0.0.0",
      "255.255.255.0",
      "01.02.03.04",
    ],
  },
  aws_access_key: {
    fires: [[`AKIA${"IOSFODNN7EXAMPLE"}`], [`id=ASIA${"Y34FZKBOKMUTVV7A"};`, `ASIA${"Y34FZKBOKMUTVV7A"}`]],
    quiet: ["AKIA", "AKIAIOSFODNN7", `akia${"iosfodnn7example"}`, "AKIAAAAAAAAAAAAAAAAA"],
  },
  aws_secret_key: {
    fires: [
      [`aws_secret_access_key = ${"wJalrXUtnFEMI"}/K7MDENG/bPxRfiCYEXAMPLEKEY`, `${"wJalrXUtnFEMI"}/K7MDENG/bPxRfiCYEXAMPLEKEY`],
      [`SecretAccessKey: "${filler(40)}"`, filler(40)],
    ],
    quiet: [`commit ${"0123456789abcdef".repeat(3).slice(0, 40)}`, filler(40), `secret key: ${filler(41)}`],
  },
  github_token: {
    fires: [
      [`ghp_${filler(36)}`],
      [`ghs_${filler(36)}`],
      [`ghs__${filler(36)}`],
      [`token=github_pat_${filler(82)}.`, `github_pat_${filler(82)}`],
    ],
    quiet: ["ghp_short", `ghx_${filler(36)}`, `ghp_${"x".repeat(36)}`],
  },
  slack_token: {
    fires: [[`xoxb-${"123456789012"}-${filler(24)}`], [`xapp-1-A0123-${filler(24)}`], [`xoxe.xoxp-1-${filler(40)}`]],
    quiet: ["xoxb-", "xoxz-123456789012-abcdefghij", "foxxoxo"],
  },
  slack_webhook: {
    fires: [[`https://hooks.slack.com/services/${"T0A1B2C3D"}/B0A1B2C3D/${filler(24)}`]],
    quiet: ["https://hooks.slack.com/", "https://slack.com/services/T0A1B2C3D/B0A1B2C3D/abc"],
  },
  stripe_key: {
    fires: [[`sk_live_${filler(24)}`], [`rk_test_${filler(24)}`]],
    quiet: [`pk_live_${filler(24)}`, "sk_live_", "sk_test_..."],
  },
  openai_key: {
    fires: [
      [`sk-proj-${filler(20)}T3BlbkFJ${filler(20)}`],
      [`sk-${filler(20)}T3BlbkFJ${filler(20)}`],
      [`"sk-${filler(32)}"`, `sk-${filler(32)}`],
    ],
    quiet: [`task-${filler(32)}`, "sk-proj-", "sk-learn", `sk-${"x".repeat(40)}`],
  },
  anthropic_key: {
    fires: [[`sk-ant-api03-${filler(86)}-AA`], [`\\nsk-ant-oat01-${filler(40)}`, `sk-ant-oat01-${filler(40)}`]],
    quiet: ["sk-ant-", `disk-ant-${filler(40)}`],
  },
  private_key: {
    fires: [
      [pem("RSA PRIVATE KEY")],
      [`key:\n${pem("PRIVATE KEY")}\nbye`, pem("PRIVATE KEY")],
      [pem("OPENSSH PRIVATE KEY").replaceAll("\n", "\\n")],
      [`"${pem("EC PRIVATE KEY").replaceAll("\n", "\\n")}\\n"`, pem("EC PRIVATE KEY").replaceAll("\n", "\\n")],
      [pem("PGP PRIVATE KEY BLOCK")],
      [`-----BEGIN PRIVATE KEY-----\n${body}`],
      [`-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\n${body}\n-----END RSA PRIVATE KEY-----`],
    ],
    quiet: [
      "-----BEGIN PRIVATE KEY-----",
      "a file with -----BEGIN PRIVATE KEY----- in its first line",
      pem("CERTIFICATE"),
      pem("PUBLIC KEY"),
    ],
  },
  jwt: {
    fires: [
      [`${hs256}.${Buffer.from('{"sub":"1"}').toString("base64url")}.${filler(43)}`],
      [`Bearer ${hs256}.e30.`, `${hs256}.e30.`],
      [`x.${"eyJhYmNkZWZnaGkifQ"}.${hs256}.e30.${filler(10)}`, `${hs256}.e30.${filler(10)}`],
      [`a${hs256}.e30.${filler(10)}`, `${hs256}.e30.${filler(10)}`],
    ],
    quiet: [hs256, `${Buffer.from('{"typ":"JWT"}').toString("base64url")}.e30.abc`, `eyJ${"a".repeat(20)}.b.c`, "eyJ"],
  },
};
