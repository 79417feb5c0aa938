/** What it takes to log in to hosted Kafkas, to be spread into the options of `Kafka`. */
import type { SaslOptions, Secret } from '@ottla/network'

export interface HostedLogin {
  readonly tls: true
  readonly sasl: SaslOptions
}

/** Confluent Cloud with an API key of the cluster. */
export function confluentCloud(login: {
  readonly apiKey: string
  readonly apiSecret: Secret
}): HostedLogin {
  const { apiKey: username, apiSecret: password } = login
  return { tls: true, sasl: { mechanism: 'PLAIN', username, password } }
}

/**
 * The Kafka endpoint of Azure Event Hubs (`NAMESPACE.servicebus.windows.net:9093`) with a
 * connection string; with Entra ID it is `oidc` with the scope `https://NAMESPACE/.default`.
 */
export function azureEventHubs(login: { readonly connectionString: Secret }): HostedLogin {
  const { connectionString: password } = login
  return { tls: true, sasl: { mechanism: 'PLAIN', username: '$ConnectionString', password } }
}
