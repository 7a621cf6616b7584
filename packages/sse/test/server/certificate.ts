/**
 * A self-signed certificate for localhost and 127.0.0.1, valid until 2126. It guards nothing: its key is public, right
 * here. Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj
 * /CN=localhost`.
 */
export const testCertificate = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgP1DwdTzDO35CSVvE
sJdtkuopKXOITrMoiFu9e5lgSSOhRANCAATeHU4Ugo/MH48R8ZbtrafP6jcya8Zn
45MQDUrqjV2VyQJOpqN3VKv8PVdHhmGlqo37dA8R3phCtLDiHNES6wt4
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUbHZIQzIKi1Oy/bVdX26bKKiIKJowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE0MDkyNVoYDzIxMjYxMDI5
MTQwOTI1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATeHU4Ugo/MH48R8ZbtrafP6jcya8Zn45MQDUrqjV2VyQJOpqN3VKv8
PVdHhmGlqo37dA8R3phCtLDiHNES6wt4o28wbTAdBgNVHQ4EFgQUx7sqC5JUMB26
JjXmkYEMrI0M/IkwHwYDVR0jBBgwFoAUx7sqC5JUMB26JjXmkYEMrI0M/IkwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgc7PEjYC6p4a3wFKvmS+RjvhkJKby5qA/UuTH2mKdhsMCIAk5
WGesApPbW08PjRXfkXIgKcioKXMzmnYHlIOI323F
-----END CERTIFICATE-----`,
}
