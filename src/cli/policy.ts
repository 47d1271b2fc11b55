import type { Command } from 'commander';
import { addPolicySignCommand } from './policy-sign.ts';

/** `stele policy …`: what authors and approvers of policies do; one file a sub-command. */
export function addPolicyCommand(program: Command): void {
  const policy = program.command('policy').description('make, sign and follow policy bundles');
  for (const add of [addPolicySignCommand]) add(policy);
}
