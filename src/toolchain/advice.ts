/** What to write where a built-in is refused. One row a built-in or a family; the longest prefix wins. */
const ADVICE: readonly (readonly [prefix: string, instead: string])[] = [
  [
    'time.now_ns',
    'input.time.ms or input.time.rfc3339, the time of the decision, which its entry keeps',
  ],
  ['time.', 'compare input.time.ms, or have the caller send times as epoch milliseconds'],
  ['http.', 'put what is fetched into data, or send it with the input'],
  ['net.lookup_ip_addr', 'send addresses with the input: an answer of DNS cannot be repeated'],
  ['opa.runtime', 'put settings into data.json'],
  ['rand.', 'derive from the input: chance cannot be repeated'],
  ['uuid.', 'the id of the request in input.context.request_id'],
  ['sprintf', 'concat and format_int'],
  ['internal.template_string', 'concat and format_int'],
  ['io.jwt.', 'input.subject: the gateway has verified the token already'],
  ['crypto.', 'compute it before the call and send it with the input'],
  ['regex.', 'regex.match, startswith, endswith, contains or a set of names'],
  ['glob.', 'glob.match, or a set of names'],
  ['graphql.', 'send the parts of the query with the input'],
  ['yaml.', 'json.unmarshal'],
  ['object.subset', 'every with `in`'],
  ['units.', 'send plain numbers with the input'],
  ['semver.', 'send versions as arrays of numbers'],
  ['rego.metadata.', 'put the value into data.json'],
  ['trace', 'print, which tests show and builds leave out'],
];

const ELSE = 'a rule of your own, or have the value sent with the input';

/** @param builtin - A built-in that the capabilities do not allow, as `time.now_ns`. */
export function adviceFor(builtin: string): string {
  const rows = ADVICE.filter(([prefix]) => builtin.startsWith(prefix));
  const best = rows.reduce<readonly [string, string] | null>(
    (longest, row) => (longest === null || row[0].length > longest[0].length ? row : longest),
    null,
  );
  return best?.[1] ?? ELSE;
}
