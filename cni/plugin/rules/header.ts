// Where addresses stand in the network header (RFC 791 section 3.1, RFC 8200 section 3), and how many bytes they take.

export const HEADER = { 4: { source: 12, destination: 16, bytes: 4 }, 6: { source: 8, destination: 24, bytes: 16 } } as const
