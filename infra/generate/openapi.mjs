// docs/reference/openapi.json from the schemas that check requests; a gateway serves the same with its version.
import { openApiDocument } from '../../dist/gateway/schema/openapi.js';

/** @returns {Map<string, string>} text by path */
export function generate() {
  const text = `${JSON.stringify(openApiDocument('1'), null, 2)}\n`;
  return new Map([['docs/reference/openapi.json', text]]);
}
