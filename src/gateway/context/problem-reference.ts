import { codes } from './codes.ts';
import type { CodeFacts } from './codes.ts';

const HEADER = `# Problems

Every error is an RFC 9457 problem (\`application/problem+json\`). \`code\` is stable; \`title\` and \`detail\` are for people.
\`type\` is \`urn:stele:problem:\` and the code. \`action\` says what to do. Who sent something to be stored (a POST, PUT or PATCH,
also to a path that is not there; not a trial of a policy, nor a candidate in the shadow) is told by \`durability\` what became of it
as an entry of its own: \`not-durable\` (there is none and will be none), \`durable\` (there is), \`unknown\` (send it again with the
same \`Idempotency-Key\`). It does not say that nothing was kept: a denial is an entry itself, and holds the event that was denied,
less what the policy masks, for as long as its class says. \`decision\` names that entry. \`pointer\` (RFC 6901) names the offending place of the input. Where a retry can help there is a \`Retry-After\`.

This page is made by \`node infra/generate/problems.mjs\` from \`src/gateway/context/codes.ts\`.
`;

/** The reference of problem codes as Markdown: one table, by status and code. */
export function problemReference(): string {
  const rows = Object.entries<CodeFacts>(codes)
    .toSorted(([a, left], [b, right]) => left.status - right.status || (a < b ? -1 : 1))
    .map(
      ([code, { status, title, action, durability, retry }]) =>
        `| ${status} | \`${code}\` | ${title} | ${action} | ${durability} | ${retry ? 'yes' : 'no'} |`,
    );
  const head = [
    '| status | code | what happened | what to do | durability of a write | retry |',
    '| --- | --- | --- | --- | --- | --- |',
  ];
  return `${HEADER}\n${[...head, ...rows].join('\n')}\n`;
}
