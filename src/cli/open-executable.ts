import { evaluateOnce } from '../policy/one-shot.ts';
import type { OpenExecutable } from '../ledger/fsck-policies.ts';
import { stageArchived } from './open-policy.ts';

/** Opens an archived policy so that its decisions can be executed again, each in a thread that can be ended. */
export const openExecutable: OpenExecutable = async (archive) => {
  const { prepared } = await stageArchived(archive);
  return {
    id: prepared.identity.id,
    evaluate: async (entrypoint, input) => evaluateOnce(prepared.compiled, entrypoint, input),
  };
};
