package modelzoo

import (
	"fmt"
	"net/url"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/spec"
)

// checkImport refuses a source on a host or in a bucket that the admin does not allow.
func checkImport(i *v1alpha1.ZooImport, p *staged.Policy) *staged.Problem {
	if *i == (v1alpha1.ZooImport{}) || strings.HasPrefix(i.Source.URL, "store:") {
		return nil
	}
	u, err := url.Parse(i.Source.URL)
	if err != nil || u.Host == "" || u.User != nil {
		return &staged.Problem{
			Reason: v1alpha1.ReasonInvalidSpec, Stalled: true,
			Message: fmt.Sprintf("spec.import.source.url: %q is not a plain URL with a host; write https://host/path or s3://bucket/path", i.Source.URL),
		}
	}
	if !p.HostAllowed(u) {
		return &staged.Problem{Reason: v1alpha1.ReasonHostNotAllowed, Stalled: true, Message: fmt.Sprintf(
			"spec.import.source.url: %q is not among the hosts and buckets the admin allows (manager flag --allowed-data-hosts); upload the archive to the store or ask the admin", u.Scheme+"://"+u.Host)}
	}
	return nil
}

// importProgress is the status of an imported zoo: while it is read the pod's count, then what the index found.
func importProgress(z *v1alpha1.ModelZoo, p *staged.Progress) {
	if p.Result != nil && p.Result.Zoo != nil {
		r := p.Result.Zoo
		z.Status.Architecture, z.Status.Parameters = r.Architecture, int64(r.Parameters)
		finalStatus(z, &spec.Zoo{Epochs: r.Epochs}, r, r.Members)
		return
	}
	done, planned := 0, 0
	for i := range p.Reports {
		s := &p.Reports[i].Status
		done += int(ptr.Deref(s.MembersDone, 0))
		planned += int(ptr.Deref(s.Members, 0))
	}
	if p.Snapshot.Stages[p.Stage].Name == spec.StageImport && planned > 0 {
		z.Status.Models = v1alpha1.ModelCounts{
			Summary: fmt.Sprintf("%d/%d", done, planned), Planned: ptr.To(int32(planned)), Done: ptr.To(int32(done)),
		}
	}
}
