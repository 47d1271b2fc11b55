/** The README of a policy that somebody begins: what to type in that folder, and what holds for every policy. */

/** Where the part of the default policy's README begins that says what any policy is given and answers. */
const REFERENCE = '## What a policy is given';

/**
 * @param folder - As it was named.
 * @param original - README of the default policy, with the reference that every policy needs.
 */
export function policyReadme(folder: string, original: string): string {
  const at = original.indexOf(REFERENCE);
  return `# ${folder}

A policy for Stele, begun as a copy of the default policy. In this folder, with Node and nothing else:

    stele policy dev       check, tests, golden cases and build at every change
    stele policy check     strict compilation, built-ins, types of the input
    stele policy fmt -w    OPA's format; with --fail instead of -w, 1 where something is not formatted
    stele policy test      OPA's tests, and each golden case again through the compiled policy
    stele policy build     bundle.tar.gz
    stele policy sign bundle.tar.gz --signing-key author.pem --cases cases

A new ledger begins with the bundle (\`policy.keys\`: the public key of whoever signs; for a trial, \`policy.unsigned\`):

    openssl pkey -in author.pem -pubout -out author.pub
    stele init --set policy.bundle=bundle.tar.gz --set policy.keys=author.pub
    stele serve --set policy.bundle=bundle.tar.gz --set policy.keys=author.pub

A ledger that is there changes its policy by \`stele policy approve\` and \`stele policy activate\`.

| here | says |
| --- | --- |
| \`stele/\` | the rules that a gateway calls |
| \`policy/\` | who may append, read and change the policy: begin here |
| \`data.json\` | settings of these rules: what is open, personal, never stored |
| \`lib/\` | rules to import; what no entrypoint reaches is not compiled and may go |
| \`cases/\` | golden cases: an input and the whole answer to it, which every gateway tries first |
| \`schemas/\`, \`capabilities.json\` | what \`check\` holds the rules against; leave them as they are |

Paths below that begin with \`docs/\` are of Stele's own documentation; \`docs/policy/tutorial.md\` goes through all of this.

${at < 0 ? '' : original.slice(at)}`;
}
