import type { Gateway } from '../request/gateway.ts';
import { openApiDocument } from '../schema/openapi.ts';
import { openRoute } from '../request/pipeline.ts';

const documents = new WeakMap<Gateway, string>();

/** `GET /openapi.json`: made once, when first asked for. */
export const openApiRoute = openRoute(
  { name: 'openapi', method: 'get', path: '/openapi.json' },
  (gateway) => {
    let body = documents.get(gateway);
    if (body === undefined) {
      body = JSON.stringify(openApiDocument(gateway.components.version));
      documents.set(gateway, body);
    }
    return {
      status: 200,
      type: 'application/json',
      body,
      headers: ['Cache-Control', 'no-cache', 'Access-Control-Allow-Origin', '*'],
    };
  },
);
