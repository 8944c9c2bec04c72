// Package clouds registers the s3://, gs:// and azblob:// stores with package artifact.
// Commands import it for its effect; libraries do not, so that they stay light.
package clouds

import (
	// The drivers register their URL schemes.
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"
)
