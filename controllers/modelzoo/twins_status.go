package modelzoo

import (
	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// maxTwinStatus is the schema's limit.
const maxTwinStatus = 24

// twinStatus translates the summaries of twins; nil without twins.
func twinStatus(list []spec.TwinResult) []v1alpha1.TwinStatus {
	if len(list) == 0 {
		return nil
	}
	out := make([]v1alpha1.TwinStatus, 0, len(list))
	for _, t := range list[:min(len(list), maxTwinStatus)] {
		out = append(out, v1alpha1.TwinStatus{
			Name: t.Name, Method: v1alpha1.TwinMethod(t.Method), Twins: ptr.To(int32(t.Twins)), Sparsity: decimal(t.Sparsity),
			TestAccuracy: summary(t.TestAccuracyMean, t.TestAccuracyStd), Agreement: decimal(t.Agreement),
		})
	}
	return out
}
