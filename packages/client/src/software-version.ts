/** Sent to brokers with ApiVersions (KIP-511); a test compares it with package.json. */
export const SOFTWARE_VERSION = '0.1.0'
