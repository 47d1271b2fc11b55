/** Built-ins of OPA that this engine does not answer: why, and what to write instead. `policy check` and the docs print it. */

/** One refusal. */
export interface RefusedBuiltin {
  readonly why: string;
  readonly instead: string;
}

const CLOCK = 'its answer depends on when it is asked';
const CHANCE = 'its answer depends on chance';
const MACHINE = 'its answer depends on the machine';
const NETWORK = 'it asks the network';
const OLD = 'OPA itself gives it up';
const KEYS = 'which keys and certificates OPA takes depends on libraries that this engine has not';
const BIG = 'OPA does it by a library of its own, for which this engine has no equal';
const LENIENT = "OPA's module takes texts that OPA refuses";
const DIGITS = 'a module computes with other digits than OPA';

const refuse = (why: string, instead: string, names: string): [string, RefusedBuiltin][] =>
  names.split(' ').map((name) => [name, { why, instead }]);

/** By the name in Rego. What is neither here nor allowed is new in OPA, and refused without more words. */
export const REFUSED_BUILTINS: ReadonlyMap<string, RefusedBuiltin> = new Map([
  ...refuse(CLOCK, '`input.time.ms` or `input.time.rfc3339`', 'time.now_ns'),
  ...refuse(CHANCE, 'a value of the input', 'rand.intn uuid.rfc4122'),
  ...refuse(NETWORK, 'data of the bundle', 'http.send net.lookup_ip_addr'),
  ...refuse(MACHINE, 'data of the bundle', 'opa.runtime'),
  ...refuse(CLOCK, '`input.subject`: the gateway verified the token', 'io.jwt.decode_verify'),
  ...refuse(
    KEYS,
    '`input.subject`: the gateway verified the token',
    'io.jwt.decode io.jwt.verify_eddsa io.jwt.verify_es256 io.jwt.verify_es384 io.jwt.verify_es512 io.jwt.verify_hs256 io.jwt.verify_hs384 io.jwt.verify_hs512 io.jwt.verify_ps256 io.jwt.verify_ps384 io.jwt.verify_ps512 io.jwt.verify_rs256 io.jwt.verify_rs384 io.jwt.verify_rs512',
  ),
  ...refuse(CHANCE, 'nothing: a policy signs nothing', 'io.jwt.encode_sign io.jwt.encode_sign_raw'),
  ...refuse(CLOCK, 'nothing: a policy signs nothing', 'providers.aws.sign_req'),
  ...refuse(
    KEYS,
    'fingerprints in data, compared with `crypto.sha256`',
    'crypto.parse_private_keys crypto.x509.parse_and_verify_certificates crypto.x509.parse_and_verify_certificates_with_options crypto.x509.parse_certificate_request crypto.x509.parse_certificates crypto.x509.parse_keypair crypto.x509.parse_rsa_private_key',
  ),
  ...refuse(
    BIG,
    'rules of your own over the parsed value',
    'graphql.is_valid graphql.parse graphql.parse_and_verify graphql.parse_query graphql.parse_schema graphql.schema_is_valid',
  ),
  ...refuse(
    BIG,
    'rules of your own, with `is_string` and the like',
    'json.match_schema json.verify_schema',
  ),
  ...refuse(BIG, '`object.union`, `object.remove` and `object.filter`', 'json.patch'),
  ...refuse(BIG, '`sprintf` or `concat`', 'strings.render_template'),
  ...refuse(BIG, 'JSON in the input or in data', 'yaml.is_valid yaml.marshal'),
  ...refuse(BIG, '`regex.match` with one of the two as a text', 'regex.globs_match'),
  ...refuse(BIG, '`startswith`, `split` or `regex.find_n`', 'uri.is_valid uri.parse'),
  ...refuse(BIG, '`time.parse_rfc3339_ns`, with a time in RFC 3339', 'time.parse_ns'),
  ...refuse(MACHINE, 'nothing: a policy does not read policies', 'rego.parse_module'),
  ...refuse(
    'a module prints sets and objects in another order',
    '`sprintf`',
    'internal.template_string',
  ),
  ...refuse('a module leaves no trace', '`stele policy explain`', 'trace'),
  ...refuse(
    `${LENIENT}: behind the value there may be anything`,
    '`yaml.unmarshal`, which takes JSON too, or send the value itself, not its text',
    'json.unmarshal json.is_valid',
  ),
  ...refuse(
    'a module writes members in the order of its hash table',
    '`json.marshal_with_options(value, {})`',
    'json.marshal',
  ),
  ...refuse(
    LENIENT,
    'compare with `base64.encode` of what you look for',
    'base64.decode base64.is_valid',
  ),
  ...refuse(
    LENIENT,
    'compare with `base64url.encode_no_pad` of what you look for',
    'base64url.decode',
  ),
  ...refuse(DIGITS, '`*`', 'product'),
  ...refuse(
    'a module rounds negative fractions as OPA does not',
    '`(a - (a % b)) / b` for a whole quotient, or `round`',
    'ceil floor',
  ),
  ...refuse(
    'a module gives up from 2^31 on',
    '`sprintf("%d", [n])`, `%x`, `%o` or `%b`',
    'format_int',
  ),
  ...refuse(
    'for an empty text to look for, a module says 0 and OPA nothing',
    '`indexof_n(text, part)[0]`, or `contains`',
    'indexof',
  ),
  ...refuse(
    'a module reads patterns with parentheses and the like as OPA does not',
    '`startswith`, `endswith`, or `regex.match` with a constant pattern',
    'glob.match',
  ),
  ...refuse(
    'an empty path makes a module read beyond its memory',
    '`object.filter` or `object.remove`, level by level',
    'json.filter json.remove',
  ),
  ...refuse(
    'for no objects a module says nothing, and OPA the empty object',
    '`object.union`',
    'object.union_n',
  ),
  ...refuse(OLD, '`every` or `some`', 'all any'),
  ...refuse(
    OLD,
    'the type tests, as `is_string`',
    'cast_array cast_boolean cast_null cast_object cast_set cast_string',
  ),
  ...refuse(OLD, '`net.cidr_contains`', 'net.cidr_overlap'),
  ...refuse(OLD, '`regex.match`', 're_match'),
  ...refuse(OLD, '`a - b`', 'set_diff'),
]);

const ELSE = 'a rule of your own, or have the value sent with the input';

/** @param builtin - A built-in that the capabilities do not allow, as `time.now_ns`. */
export function adviceFor(builtin: string): string {
  return REFUSED_BUILTINS.get(builtin)?.instead ?? ELSE;
}
