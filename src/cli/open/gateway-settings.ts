import { gatewayRanges } from '../../gateway/context/settings.ts';
import type { GatewaySettings } from '../../gateway/context/settings.ts';
import type { Configuration } from '../settings/configuration.ts';

type RangedSetting = keyof typeof gatewayRanges;

const names = Object.keys(gatewayRanges) as readonly RangedSetting[];

/** What the gateway is told. */
export function gatewaySettingsOf(configuration: Configuration): GatewaySettings {
  const numbers = Object.fromEntries(
    names.map((name) => [name, configuration.whole(`gateway.${name}`)]),
  ) as Record<RangedSetting, number>;
  const proxies = configuration.optionalText('gateway.trustedProxies');
  return {
    ...numbers,
    trustedProxies: proxies === null ? [] : proxies.split(',').map((each) => each.trim()),
    metrics: configuration.flag('gateway.metrics'),
    requestLog: configuration.flag('gateway.requestLog'),
  };
}
