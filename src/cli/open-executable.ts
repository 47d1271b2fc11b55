import { identityFault } from '../policy/archived.ts';
import { evaluateOnce } from '../policy/one-shot.ts';
import type { OpenExecutable } from '../ledger/fsck-policies.ts';
import { stageArchived } from './open-policy.ts';

/** Opens an archived policy so that its decisions can be executed again, each in a thread that can be ended. */
export const openExecutable: OpenExecutable = async (archive) => {
  const staged = await stageArchived(archive);
  const { prepared } = staged;
  return {
    fault: (id, digest) => identityFault(staged, id, digest),
    evaluate: async (entrypoint, input) => evaluateOnce(prepared.compiled, entrypoint, input),
  };
};
