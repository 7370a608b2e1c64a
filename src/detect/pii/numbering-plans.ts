/**
 * Which country a phone number belongs to and whether it is valid, as libphonenumber says it: with its patterns, each compiled once. The library
 * builds a dozen regular expressions for every number, which is most of what reading one costs. Must answer exactly what the library does.
 */
import { type CountryCode, Metadata, parsePhoneNumberFromString } from "libphonenumber-js";

export interface NumberFacts {
  readonly country?: CountryCode;
  readonly valid: boolean;
}

/** One country's numbers. */
interface Plan {
  readonly country: CountryCode;
  readonly pattern: RegExp;
  /** Shows the country by itself where there are several. */
  readonly leading: RegExp | undefined;
  /** Fixed lines, mobiles and so on; undefined when the library does not tell them apart. */
  readonly types: readonly NumberType[] | undefined;
}

interface NumberType {
  readonly pattern: RegExp;
  readonly lengths: readonly number[] | undefined;
}

/** The countries of a calling code, the main one first. */
interface Plans {
  readonly plans: readonly [Plan, ...Plan[]];
  /** What may stand in front of a national number; taking it off is the library's business. */
  readonly prefix: RegExp | undefined;
}

/** What the library's types leave out. */
interface LibraryPlan {
  nationalNumberPattern(): string;
  nationalPrefixForParsing(): string | undefined;
  leadingDigits(): string | undefined;
  hasTypes(): boolean;
  type(name: string): { pattern(): string; possibleLengths(): number[] | undefined } | undefined;
}

const TYPES = "FIXED_LINE MOBILE PREMIUM_RATE TOLL_FREE SHARED_COST VOIP PERSONAL_NUMBER PAGER UAN VOICEMAIL".split(" ");

/** By calling code. */
const known = new Map<string, Plans>();

/**
 * Facts of the number +`code` `national`, both digits; `code` the calling code of a country, `national` of two digits at least and fourteen at most.
 * Undefined when the library would not take it for a number.
 */
export function numberFacts(code: string, national: string): NumberFacts | undefined {
  const { plans, prefix } = plansOf(code);
  if (prefix?.test(national) === true) {
    const parsed = parsePhoneNumberFromString(`+${code}${national}`, { extract: false });
    return parsed && { ...(parsed.country && { country: parsed.country }), valid: parsed.isValid() };
  }
  const plan = plans.length === 1 ? plans[0] : plans.find((one) => belongs(one, national));
  if (plan === undefined) return { valid: isValid(plans[0], national) };
  // Where its types have shown the country, they have shown that the number is valid.
  const shown = plans.length > 1 && plan.leading === undefined;
  return { country: plan.country, valid: shown || isValid(plan, national) };
}

function belongs(plan: Plan, national: string): boolean {
  return plan.leading === undefined ? isOfSomeType(plan, national) : plan.leading.test(national);
}

function isValid(plan: Plan, national: string): boolean {
  return plan.types === undefined ? plan.pattern.test(national) : isOfSomeType(plan, national);
}

function isOfSomeType({ pattern, types }: Plan, national: string): boolean {
  if (types === undefined || !pattern.test(national)) return false;
  return types.some((type) => type.lengths?.includes(national.length) !== false && type.pattern.test(national));
}

function plansOf(code: string): Plans {
  const plans = known.get(code) ?? compilePlans(code);
  known.set(code, plans);
  return plans;
}

function compilePlans(code: string): Plans {
  const metadata = new Metadata() as Metadata & { getCountryCodesForCallingCode(code: string): CountryCode[] | undefined };
  const [main, ...others] = metadata.getCountryCodesForCallingCode(code) ?? [];
  if (main === undefined) throw new RangeError("no country has this calling code");
  const libraryPlan = (country: CountryCode): LibraryPlan => {
    metadata.selectNumberingPlan(country);
    return metadata.numberingPlan as unknown as LibraryPlan;
  };
  const prefix = libraryPlan(main).nationalPrefixForParsing();
  const compiled = (country: CountryCode): Plan => compilePlan(country, libraryPlan(country));
  return { plans: [compiled(main), ...others.map(compiled)], prefix: prefix ? new RegExp(`^(?:${prefix})`) : undefined };
}

function compilePlan(country: CountryCode, plan: LibraryPlan): Plan {
  const leading = plan.leadingDigits();
  return {
    country,
    pattern: entirely(plan.nationalNumberPattern()),
    leading: leading ? new RegExp(`^(?:${leading})`) : undefined,
    types: plan.hasTypes() ? TYPES.flatMap((name) => compileType(plan.type(name))) : undefined,
  };
}

/** A type without a pattern is one that others cover. */
function compileType(type: ReturnType<LibraryPlan["type"]>): NumberType[] {
  const pattern = type?.pattern();
  return pattern ? [{ pattern: entirely(pattern), lengths: type?.possibleLengths() || undefined }] : [];
}

function entirely(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`);
}
