// docs/reference/schemas/*.json from the schemas that the parsers apply.
import { jsonSchemas } from '../../dist/core/log/json-schemas.js';

/** @returns {Map<string, string>} text by path */
export function generate() {
  return new Map(
    [...jsonSchemas()].map(([name, schema]) => [
      `docs/reference/schemas/${name}.json`,
      `${JSON.stringify(schema, null, 2)}\n`,
    ]),
  );
}
