/** Version of the API, in its paths and its answers. Old ones stay readable. */
export const API_VERSION = 1;
