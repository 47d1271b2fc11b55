import { writeFile } from 'node:fs/promises';
import { Option } from 'commander';
import type { Command } from 'commander';
import { readArtefactRecord } from '../../toolchain/artefact.ts';
import { buildPolicy } from './bundle.ts';
import type { BuildFlags } from './bundle.ts';
import { readPolicyFolder } from './folder.ts';
import { inWorkshop, noteOtherOpa } from './workshop.ts';

interface Flags extends Omit<BuildFlags, 'optimize'> {
  readonly out: string;
  readonly capabilities?: string;
  readonly optimize: string;
}

/** `stele policy build`: a folder of Rego to a bundle, byte for byte as OPA builds it. */
export function policyBuildCommand(declared: Command): void {
  declared
    .argument('[folder]', 'the policy', '.')
    .option('-o, --out <file>', 'the bundle', 'bundle.tar.gz')
    .option('-r, --revision <text>', 'what the bundle is called; default: from its sources')
    .option('-e, --entrypoint <path...>', 'rules to compile beside those that METADATA names')
    .option('--capabilities <file>', "built-ins that it may use; default: the folder's own file")
    .option('--no-prune', 'keep what no entrypoint needs')
    .addOption(
      new Option('-O, --optimize <level>', 'above 0, data becomes code and cannot be changed')
        .choices(['0', '1', '2'])
        .default('0'),
    )
    .addHelpText(
      'after',
      '\nExample:\n  stele policy build my-policy --out my-policy.tar.gz\n  stele serve --set policy.bundle=my-policy.tar.gz --set policy.unsigned=true\n\nIn production sign it (`stele policy sign`) and name the keys in policy.keys instead. Approvals sign\nthe digest of the bundle as it is deployed: signing changes it, so take the one that `policy sign` prints.',
    )
    .action(async (path: string, flags: Flags, command: Command) => {
      await inWorkshop(command, async ({ output, toolchain }) => {
        const folder = await readPolicyFolder(path, flags.capabilities);
        const optimize = Number(flags.optimize) as 0 | 1 | 2;
        const built = await buildPolicy(toolchain, folder, { ...flags, optimize });
        await writeFile(flags.out, built.archive);
        const other = await noteOtherOpa(output);
        const { opa } = await readArtefactRecord();
        const { id, revision, entrypoints } = built.identity;
        const facts = {
          bundle: flags.out,
          bytes: built.archive.length,
          digest: built.digest,
          policy: id,
          revision,
          entrypoints,
          opa,
          otherOpa: other,
          command: built.command,
        };
        const words = [
          `${flags.out}  ${built.archive.length} bytes`,
          `digest    ${built.digest}`,
          `policy    ${id}`,
          `revision  ${revision}`,
          `answers   ${entrypoints.join(', ')}`,
          `OPA ${opa}: ${built.command}`,
        ];
        output.result(facts, words.join('\n'));
      });
    });
}
