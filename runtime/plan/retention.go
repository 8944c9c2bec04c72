package plan

import (
	"fmt"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// resolveRetention translates the choice; nil keeps all.
func resolveRetention(r *v1alpha1.Retention) (*spec.Retention, error) {
	const at = "spec.retention"
	out := &spec.Retention{Checkpoints: string(r.Checkpoints), Every: int(r.Every)}
	switch {
	case *r == v1alpha1.Retention{}, r.Checkpoints == v1alpha1.RetainAll && r.Every == 0:
		return nil, nil
	case r.Checkpoints == v1alpha1.RetainEvery && r.Every < 1:
		return nil, &FieldError{at + ".every", fmt.Sprintf("%d epochs", r.Every), "use 1 or more with checkpoints: every"}
	case r.Checkpoints != v1alpha1.RetainEvery && r.Every != 0:
		return nil, &FieldError{at + ".every", fmt.Sprintf("it is set with checkpoints: %s", r.Checkpoints), "remove it, or use checkpoints: every"}
	case out.Check() != nil:
		return nil, &FieldError{at + ".checkpoints", fmt.Sprintf("unknown value %q", r.Checkpoints), "use all, last, best or every"}
	}
	return out, nil
}
