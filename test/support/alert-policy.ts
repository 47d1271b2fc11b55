/** The library of `rego/` with its alerts compiled in, and the same with other rules in their place. Not a test. */
import { buildPolicy } from '../../src/cli/policy/bundle.ts';
import { readPolicyFolder } from '../../src/cli/policy/folder.ts';
import { readBundle } from '../../src/policy/bundle/bundle.ts';
import { preparePolicy } from '../../src/policy/bundle/prepare.ts';
import type { PreparedPolicy } from '../../src/policy/bundle/prepare.ts';
import { RegoToolchain } from '../../src/toolchain/toolchain.ts';

/** A policy that has `stele/alert`. */
export interface AlertPolicy {
  readonly archive: Uint8Array;
  readonly prepared: PreparedPolicy;
}

/** @param rules - Rego in place of `stele/alert.rego`. */
export async function buildAlertPolicy(rules?: string): Promise<AlertPolicy> {
  const toolchain = new RegoToolchain();
  try {
    const folder = await readPolicyFolder('rego');
    const files = new Map(folder.files);
    if (rules !== undefined) files.set('stele/alert.rego', rules);
    files.delete('stele/alert_test.rego');
    const entrypoint = ['stele/alert', 'stele/fact'];
    const { archive } = await buildPolicy(toolchain, { ...folder, files }, { entrypoint });
    return { archive, prepared: preparePolicy(await readBundle(archive)) };
  } finally {
    await toolchain.close();
  }
}
