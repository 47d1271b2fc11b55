// What policies are given and may answer, from the schemas that the engine's checks are held against. The input's stands
// with the policy, where `check` finds it; to OPA every other file there would be data of the same name.
import { authorSchemas } from '../../dist/policy/contract/author-schemas.js';

/** @returns {Map<string, string>} text by path */
export function generate() {
  return new Map(
    [...authorSchemas()].map(([name, schema]) => [
      name === 'input' ? 'rego/schemas/input.json' : `docs/reference/schemas/policy-${name}.json`,
      `${JSON.stringify(schema, null, 1)}\n`,
    ]),
  );
}
