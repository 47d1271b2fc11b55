/** The base URL of a gateway at a host and port, without a trailing slash. IPv6 is bracketed (RFC 3986 §3.2.2). */
export function baseUrl(host: string, port: string | number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
