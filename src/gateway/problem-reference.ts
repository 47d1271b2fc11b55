import { codes } from './codes.ts';
import type { CodeFacts } from './codes.ts';

const HEADER = `# Problems

Every error is an RFC 9457 problem (\`application/problem+json\`). \`code\` is stable; \`title\` and \`detail\` are for people.
\`type\` is \`urn:stele:problem:\` and the code. \`action\` says what to do. On writes \`durability\` says what became of the event:
\`not-durable\` (it is not in the ledger and will not be), \`durable\` (it is), \`unknown\` (send it again with the same
\`Idempotency-Key\`). \`pointer\` (RFC 6901) names the offending place of the input. Where a retry can help there is a \`Retry-After\`.

This page is made by \`node infra/generate/problems.mjs\` from \`src/gateway/codes.ts\`.
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
