/** Return a size in bytes as text for people, such as "12 MB". */
export const megabytes = bytes => `${Math.round(bytes / 1e6)} MB`;
