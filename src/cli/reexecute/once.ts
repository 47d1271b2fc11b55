/** One decision, made again in a thread that is ended when it takes too long: the module may be a stranger's. */
import { canonicalJson } from '../../core/json/canonical-json.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';
import { evaluateOnce } from '../../policy/decide/one-shot.ts';
import { PolicyError } from '../../policy/contract/policy-error.ts';
import { cannot, reexecute, withheldBy } from '../../policy/decide/reexecute.ts';
import type { RecordedDecision, Reexecution } from '../../policy/decide/reexecute.ts';
import type { StagedPolicy } from '../../policy/bundle/staged.ts';

/** Makes a decision again and compares; one that does not end is not re-executable here. */
export async function reexecuteOnce(
  { prepared }: Pick<StagedPolicy, 'prepared'>,
  decision: RecordedDecision,
): Promise<Reexecution> {
  const { entrypoint, input } = decision;
  const withheld = withheldBy(input);
  if (withheld !== undefined) return cannot(withheld);
  let answer: () => JsonValue;
  try {
    const value = await evaluateOnce(prepared.compiled, entrypoint, canonicalJson(input));
    answer = () => value;
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    if (error.code === 'policy_timeout') return cannot('it takes too long here');
    answer = () => {
      throw error;
    };
  }
  return reexecute({ evaluate: () => answer() }, decision);
}
