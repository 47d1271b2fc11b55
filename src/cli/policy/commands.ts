import type { Command } from 'commander';
import { addLazily } from '../lazy-commands.ts';
import type { LazyCommand } from '../lazy-commands.ts';

/** Each in a file of its own. */
const commands: readonly LazyCommand[] = [
  {
    name: 'init',
    summary: 'begin a policy of your own: Rego, data, tests, golden cases, capabilities, README',
    hears: 'json',
    load: async () => (await import('./init.ts')).policyInitCommand,
  },
  {
    name: 'dev',
    summary: 'watch a policy: check, test, golden cases and build at every change',
    hears: 'json',
    load: async () => (await import('./dev.ts')).policyDevCommand,
  },
  {
    name: 'check',
    summary: 'strict compilation, built-ins that the engine has, types of the input; Regal too',
    hears: 'json',
    load: async () => (await import('./check.ts')).policyCheckCommand,
  },
  {
    name: 'fmt',
    summary: 'name the modules that are not formatted; with --write, format them',
    hears: 'json',
    load: async () => (await import('./fmt.ts')).policyFmtCommand,
  },
  {
    name: 'test',
    summary: 'run the tests, and every golden case a second time through the compiled policy',
    hears: 'json',
    load: async () => (await import('./test.ts')).policyTestCommand,
  },
  {
    name: 'build',
    summary: 'compile a policy to a bundle, the same bytes as `opa build`',
    hears: 'json',
    load: async () => (await import('./build.ts')).policyBuildCommand,
  },
  {
    name: 'bench',
    summary: 'time per decision of each golden case, through the compiled policy',
    hears: 'json',
    load: async () => (await import('./bench.ts')).policyBenchCommand,
  },
  {
    name: 'explain',
    summary: 'name the rules that made an answer: to one input, or to what a ledger recorded',
    hears: 'gateway',
    load: async () => (await import('./explain.ts')).policyExplainCommand,
  },
  {
    name: 'replay',
    summary: 'run a candidate over sealed history, from the store or a gateway: what would change',
    hears: 'gateway',
    load: async () => (await import('./replay.ts')).policyReplayCommand,
  },
  {
    name: 'sign',
    summary: 'sign a policy bundle; native OPA verifies it with --verification-key',
    hears: 'json',
    load: async () => (await import('./sign.ts')).policySignCommand,
  },
  {
    name: 'certify',
    summary: 'certify the key of an approver or author of policies, by the root key',
    hears: 'settings',
    load: async () => (await import('./people.ts')).policyCertifyCommand,
  },
  {
    name: 'approve',
    summary: 'approve a change of policy; offline where --previous is given',
    hears: 'gateway',
    load: async () => (await import('./approve.ts')).policyApproveCommand,
  },
  {
    name: 'activate',
    summary: 'put an approved policy in charge; recorded, sealed and adopted',
    hears: 'gateway',
    load: async () => (await import('./activate.ts')).policyActivateCommand,
  },
  {
    name: 'rollback',
    summary: 'put a policy in charge again that was before; needs new approvals',
    hears: 'gateway',
    load: async () => (await import('./activate.ts')).policyRollbackCommand,
  },
  {
    name: 'status',
    summary: 'the policy in charge, and the one that the gateway decides with',
    hears: 'gateway',
    load: async () => (await import('./activate.ts')).policyStatusCommand,
  },
  {
    name: 'shadow',
    summary: 'let a candidate decide beside the policy in charge, without effect, and compare',
    hears: 'gateway',
    load: async () => (await import('./shadow.ts')).policyShadowCommand,
  },
  {
    name: 'fetch',
    summary: 'the bundle of a policy that was in charge, from a gateway, shown to be that policy',
    hears: 'gateway',
    load: async () => (await import('./fetch.ts')).policyFetchCommand,
  },
  {
    name: 'history',
    summary: 'every change of policy in the log, verified from the store alone',
    hears: 'settings',
    load: async () => (await import('./history.ts')).policyHistoryCommand,
  },
];

/** `stele policy`: what policy authors and operators do with policies. */
export function policyCommand(declared: Command): void {
  declared.addHelpText(
    'after',
    '\nStart here:\n  stele policy init my-policy\n  stele policy dev my-policy',
  );
  addLazily(declared, commands);
}
