import type { Command } from 'commander';
import { addPolicyActivate, addPolicyRollback, addPolicyStatus } from './policy-activate.ts';
import { addPolicyApprove } from './policy-approve.ts';
import { addPolicyBench } from './policy-bench.ts';
import { addPolicyBuild } from './policy-build.ts';
import { addPolicyCheck } from './policy-check.ts';
import { addPolicyDev } from './policy-dev.ts';
import { addPolicyExplain } from './policy-explain.ts';
import { addPolicyFmt } from './policy-fmt.ts';
import { addPolicyHistory } from './policy-history.ts';
import { addPolicyInit } from './policy-init.ts';
import { addPolicyReplay } from './policy-replay.ts';
import { addPolicyCertify } from './policy-people.ts';
import { addPolicySignCommand } from './policy-sign.ts';
import { addPolicyTest } from './policy-test.ts';

/** `stele policy`: what policy authors and operators do with policies, each command in a file of its own. */
export function addPolicyCommand(program: Command): void {
  const group = program
    .command('policy')
    .description('write, check, test and build policies; no OPA is needed')
    .addHelpText(
      'after',
      '\nStart here:\n  stele policy init my-policy\n  stele policy dev my-policy',
    );
  for (const add of [
    addPolicyInit,
    addPolicyDev,
    addPolicyCheck,
    addPolicyFmt,
    addPolicyTest,
    addPolicyBuild,
    addPolicyBench,
    addPolicyExplain,
    addPolicyReplay,
    addPolicySignCommand,
    addPolicyCertify,
    addPolicyApprove,
    addPolicyActivate,
    addPolicyRollback,
    addPolicyStatus,
    addPolicyHistory,
  ]) {
    add(group);
  }
}
