import { apiKeyFile } from '../../keys/api-keys.ts';
import { Callers, callersDefaults } from '../../keys/callers.ts';
import { SteleError } from '../../core/errors.ts';
import { followFiles } from '../../keys/followed-file.ts';
import type { FollowedFile } from '../../keys/followed-file.ts';
import { loadJwks } from '../../keys/jwks.ts';
import { tokenDefaults, tokenVerifier } from '../../keys/tokens.ts';
import type { TokenVerifier } from '../../keys/tokens.ts';
import type { Configuration } from '../settings/configuration.ts';
import { homeOf } from './home.ts';
import type { Log } from './logging.ts';

/** Callers, with the files that they are known from followed until they are stopped. */
export interface OpenedCallers {
  readonly callers: Callers;
  readonly following: { stop(): void };
}

/** Who may call, as the configuration says: API keys of a file, JWTs of one issuer, strangers or not. */
export async function openCallers(configuration: Configuration, log: Log): Promise<OpenedCallers> {
  const apiKeys = apiKeyFile(homeOf(configuration).apiKeys);
  await apiKeys.open();
  const { tokens, file } = await openTokens(configuration);
  const files = [apiKeys, ...(file === null ? [] : [file])];
  const callers = new Callers(
    {
      apiKeys: { find: (...given) => apiKeys.value?.find(...given) },
      tokens,
      files,
      clock: () => Date.now(),
    },
    { ...callersDefaults, anonymous: configuration.flag('callers.anonymous') },
  );
  const following = followFiles(
    files,
    () => {
      callers.forget();
    },
    log,
  );
  return { callers, following };
}

async function openTokens(
  configuration: Configuration,
): Promise<{ tokens: TokenVerifier | null; file: FollowedFile<unknown> | null }> {
  const [jwks, issuer, audience] = ['jwks', 'issuer', 'audience'].map((name) =>
    configuration.optionalText(`callers.${name}`),
  );
  if (jwks == null && issuer == null && audience == null) return { tokens: null, file: null };
  if (jwks == null || issuer == null || audience == null) {
    throw new SteleError(
      'configuration_invalid',
      'callers.jwks, callers.issuer and callers.audience go together',
      { disposition: 'fix-configuration' },
    );
  }
  const clock = (): number => Date.now();
  const { keys, file } = await loadJwks(jwks, clock);
  const settings = { ...tokenDefaults, issuer, audience };
  return { tokens: tokenVerifier(keys, settings, clock), file };
}
