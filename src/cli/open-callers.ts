import { loadApiKeys } from '../keys/api-keys.ts';
import { Callers, callersDefaults } from '../keys/callers.ts';
import { SteleError } from '../core/errors.ts';
import { loadJwks, tokenDefaults, tokenVerifier } from '../keys/tokens.ts';
import type { TokenVerifier } from '../keys/tokens.ts';
import type { Configuration } from './configuration.ts';
import { exists, homeOf } from './home.ts';

/** Who may call, as the configuration says: API keys of a file, JWTs of one issuer, strangers or not. */
export async function openCallers(configuration: Configuration): Promise<Callers> {
  const path = homeOf(configuration).apiKeys;
  return new Callers(
    {
      apiKeys: (await exists(path)) ? await loadApiKeys(path) : null,
      tokens: await openTokens(configuration),
      clock: () => Date.now(),
    },
    { ...callersDefaults, anonymous: configuration.flag('callers.anonymous') },
  );
}

async function openTokens(configuration: Configuration): Promise<TokenVerifier | null> {
  const [jwks, issuer, audience] = ['jwks', 'issuer', 'audience'].map((name) =>
    configuration.optionalText(`callers.${name}`),
  );
  if (jwks == null && issuer == null && audience == null) return null;
  if (jwks == null || issuer == null || audience == null) {
    throw new SteleError(
      'configuration_invalid',
      'callers.jwks, callers.issuer and callers.audience go together',
      { disposition: 'fix-configuration' },
    );
  }
  return tokenVerifier(await loadJwks(jwks), { ...tokenDefaults, issuer, audience }, () =>
    Date.now(),
  );
}
