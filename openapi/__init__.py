"""The OpenAPI documents of the sample workspace: generated, committed so that changes show in review."""
