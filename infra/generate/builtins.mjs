// docs/reference/builtins.md from the capabilities and the list of what is refused.
import { readFileSync } from 'node:fs';
import { HOST_BUILTINS } from '../../dist/policy/engine/builtins/index.js';
import { REFUSED_BUILTINS } from '../../dist/toolchain/refused-builtins.js';

const head = `# Built-ins of Rego

Made by \`make generate\`. Which built-ins of OPA a policy may call. The engine answers them *identically* to the pinned OPA:
OPA's own conformance cases are run through it (\`node infra/opa/conformance.mjs\`), and each case passes with the same
answer or is refused when the policy is checked, with file, line and column.

- **module**: OPA's compiler turns it into code of the policy's module.
- **host**: the engine answers it, in the version named. The version is part of the identity of every policy that calls it,
  so a decision is executed again by the same answers. A call that is beyond a limit (a value of more than 1 MiB, a network
  of more than 65,536 addresses, a result that is not UTF-8) ends the evaluation: the event is denied with
  \`policy_error\`, and never decided by another answer than OPA's.

Narrower than in OPA: \`concat\` joins arrays (a set has another order in a module: \`concat(", ", sort(names))\`), times
have no zone but UTC (the rules of zones change with the machine), and \`yaml.unmarshal\` reads JSON and no other YAML.

## What differs from OPA although it is allowed

| where | OPA | a module |
| --- | --- | --- |
| order of sets and objects in array comprehensions and \`walk\` | ascending | of its hash table: \`sort\` what has to have an order. Sets in a result are ascending in both |
| \`+\`, \`-\`, \`*\`, \`/\` of numbers with a fraction | rounds to 64 bits of mantissa | exact, and quotients to 18 digits; whole numbers and whole quotients are the same in both, of any size |
| a whole number written with a fraction, as \`1.0\`, given to \`bits.*\`, \`array.slice\` or \`substring\` | is whole | is not, and the call is undefined. Inputs never hold one |
| a pattern of \`regex.match\` that holds U+0000 | goes on after it | ends there |
| \`data.roles[2]\` where \`roles\` is an object | finds the member "2" | finds nothing: write \`data.roles["2"]\` |
`;

/** @returns {Map<string, string>} text by path */
export function generate() {
  const { builtins } = JSON.parse(readFileSync('rego/capabilities.json', 'utf8'));
  const allowed = builtins
    .map(({ name, infix }) => ({ name, infix, host: HOST_BUILTINS.get(name) }))
    .filter(({ name }) => !name.startsWith('internal.'))
    .map(
      ({ name, infix, host }) =>
        `| \`${name}\` | ${host ? `host, version ${host.version}` : 'module'} | ${infix ? `\`${infix.replace('|', '\\|')}\`` : ''} |`,
    );
  const refused = [...REFUSED_BUILTINS]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { why, instead }]) => `| \`${name}\` | ${why} | ${instead} |`);
  const text = [
    head,
    '## Allowed',
    '',
    '| built-in | answered by | written as |',
    '| --- | --- | --- |',
    ...allowed,
    '',
    '## Refused',
    '',
    '| built-in | why | instead |',
    '| --- | --- | --- |',
    ...refused,
    '',
    'Refused too: template strings (a module prints sets and objects in another order; `sprintf` does not) and the',
    'experimental keywords `and`, `or` and `not`.',
    '',
  ].join('\n');
  return new Map([['docs/reference/builtins.md', text]]);
}
