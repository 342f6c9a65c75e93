/** A self-signed certificate and its key, made for the tests with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=axon`. */
export const CERT = `-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUe4T2NksEHMuLLweurOhpvxhNU+4wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEYXhvbjAeFw0yNjExMjIyMTIwMzZaFw0zNjExMTkyMTIwMzZa
MA8xDTALBgNVBAMMBGF4b24wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATy/h2U
2fCdkuy39VDKwL4KxnsXkeyh3gvsDIaLqSKkoaat30DTgIuQysZCcRfYzKSZrduW
CELAmnB6exK0s+cUo1MwUTAdBgNVHQ4EFgQUQjULbswuY20cfQM/JrRWvoEpMMQw
HwYDVR0jBBgwFoAUQjULbswuY20cfQM/JrRWvoEpMMQwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiArlHp9qzZr3f2COpFrxwvSWvFr5/cwNljzuDds
DUrisAIhAPIFSQ6tUngZuYhGYMVwliLU/V0YEF2BfjphFeIRRjXM
-----END CERTIFICATE-----
`;

export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwPOE30+JoMskqIHR
vXoWMQLcu3cy2hMWSvhoGAf7kNyhRANCAATy/h2U2fCdkuy39VDKwL4KxnsXkeyh
3gvsDIaLqSKkoaat30DTgIuQysZCcRfYzKSZrduWCELAmnB6exK0s+cU
-----END PRIVATE KEY-----
`;
