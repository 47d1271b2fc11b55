import { identityFault } from '../../policy/bundle/archived.ts';
import { evaluateOnce } from '../../policy/decide/one-shot.ts';
import type { OpenExecutable } from '../../ledger/fsck/policies.ts';
import { signerFault, stageArchived } from './policy.ts';

/** Opens an archived policy so that its decisions can be executed again, each in a thread that can be ended. */
export const openExecutable: OpenExecutable = async (archive) => {
  const staged = await stageArchived(archive);
  const { prepared, revision } = staged;
  return {
    revision,
    fault: (id, digest) => identityFault(staged, id, digest),
    signerFault: async (named) => signerFault(archive, named),
    evaluate: async (entrypoint, input) => evaluateOnce(prepared.compiled, entrypoint, input),
  };
};
