// docs/reference/problems.md from the catalogue of problem codes.
import { problemReference } from '../../dist/gateway/context/problem-reference.js';

/** @returns {Map<string, string>} text by path */
export function generate() {
  return new Map([['docs/reference/problems.md', problemReference()]]);
}
