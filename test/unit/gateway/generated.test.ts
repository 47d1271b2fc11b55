/** What is generated from the gateway is as it would be made now. */
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { openApiDocument } from '../../../src/gateway/schema/openapi.ts';
import { problemReference } from '../../../src/gateway/context/problem-reference.ts';

test('the reference of problems is not stale', async () => {
  expect(await readFile('docs/reference/problems.md', 'utf8')).toBe(problemReference());
});

test('the OpenAPI document is not stale', async () => {
  const text = `${JSON.stringify(openApiDocument('1'), null, 2)}\n`;
  expect(await readFile('docs/reference/openapi.json', 'utf8')).toBe(text);
});
