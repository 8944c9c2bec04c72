package program

import (
	"context"
	"fmt"

	"github.com/weightspace/weightspace/runtime/spec"
)

// cleanup removes the artifact of a deleted object: everything below
// <namespace>/<kind>/<name>/ and nothing else (Run has checked the path).
func cleanup(ctx context.Context, s *spec.Snapshot, env *Env) error {
	env.Progress(Progress{Stage: spec.StageCleanup, SecondsLeft: -1, Message: "Removing " + s.ArtifactPath})
	n, err := env.Store.DeletePrefix(ctx, s.ArtifactPath+"/")
	if err != nil {
		return fmt.Errorf("remove the artifact %s (%d objects removed so far): %w", s.ArtifactPath, n, err)
	}
	env.Log.Info("Removed the artifact", "path", s.ArtifactPath, "objects", n)
	env.Progress(Progress{Stage: spec.StageCleanup, SecondsLeft: -1, Message: "Finished"})
	return nil
}
