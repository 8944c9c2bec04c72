package plan

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// fileRoles are all roles, in the order in which a plan and a digest list files. New ones go to the end.
var fileRoles = []v1alpha1.FileRole{
	v1alpha1.FileRoleTrainImages, v1alpha1.FileRoleTrainLabels, v1alpha1.FileRoleTestImages, v1alpha1.FileRoleTestLabels,
	v1alpha1.FileRoleTrain, v1alpha1.FileRoleTest, v1alpha1.FileRoleValidation, v1alpha1.FileRoleArchive,
}

// sortFiles puts files in the order of their roles; those of one role stay in the order in which they are given, which is the order of
// their images.
func sortFiles(files []v1alpha1.DatasetFile) []spec.File {
	out := make([]spec.File, 0, len(files))
	for _, role := range fileRoles {
		for _, f := range files {
			if f.Role == role {
				out = append(out, spec.File{Role: string(f.Role), URL: f.URL, SHA256: f.SHA256})
			}
		}
	}
	return out
}

// resolveFiles wants the roles that the format takes, and URLs that can be fetched.
func resolveFiles(format string, files []v1alpha1.DatasetFile) ([]spec.File, error) {
	choices := spec.FormatRoles(format)
	if choices == nil {
		return nil, &FieldError{"spec.format", fmt.Sprintf("unknown format %q", format), "use one of " + strings.Join(spec.Formats, ", ")}
	}
	for i, f := range files {
		if !slices.Contains(fileRoles, f.Role) {
			return nil, &FieldError{fmt.Sprintf("spec.files[%d].role", i), fmt.Sprintf("unknown role %q", f.Role), "format " + format + " takes " + rolesText(choices)}
		}
		if slices.ContainsFunc(files[:i], func(g v1alpha1.DatasetFile) bool { return g.URL == f.URL }) {
			return nil, &FieldError{fmt.Sprintf("spec.files[%d].url", i), fmt.Sprintf("%s is given twice", f.URL), "remove one"}
		}
		if err := checkSource(fmt.Sprintf("spec.files[%d].url", i), f.URL); err != nil {
			return nil, err
		}
	}
	out := sortFiles(files)
	if !slices.ContainsFunc(choices, func(c []spec.RoleCount) bool { return fitsRoles(out, c) }) {
		have := make([]string, len(out))
		for i, f := range out {
			have[i] = f.Role
		}
		return nil, &FieldError{
			"spec.files", fmt.Sprintf("format %s does not take the roles that are given (%s)", format, strings.Join(have, ", ")),
			"give " + rolesText(choices),
		}
	}
	return out, nil
}

// checkSource wants a URL whose parts say one thing only. That a host or bucket is allowed is the admin's to say.
func checkSource(field, rawURL string) error {
	if strings.HasPrefix(rawURL, "store:") {
		return nil // the API's pattern and the program check the path
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.User != nil {
		return &FieldError{field, fmt.Sprintf("%q is not a plain URL", rawURL), "write https://host/path, s3://bucket/path, gs://bucket/path, azblob://container/path or store:path"}
	}
	switch u.Scheme {
	case "http", "https":
		return nil
	case "s3", "gs", "azblob":
		key := strings.TrimPrefix(u.Path, "/")
		parts := strings.Split(key, "/")
		if u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(rawURL, "?#") || slices.ContainsFunc(parts, func(p string) bool { return p == "" || p == "." || p == ".." }) {
			return &FieldError{field, fmt.Sprintf("%q is not the plain URL of an object", rawURL), "write " + u.Scheme + "://bucket/path, without a query: endpoint and region are the store's"}
		}
		return nil
	}
	return &FieldError{field, fmt.Sprintf("the scheme %q is unknown", u.Scheme), "use https, http, s3, gs, azblob or store:path"}
}

func fitsRoles(files []spec.File, roles []spec.RoleCount) bool {
	left := len(files)
	for _, r := range roles {
		n := 0
		for _, f := range files {
			if f.Role == r.Role {
				n++
			}
		}
		if n < r.Min || n > r.Max {
			return false
		}
		left -= n
	}
	return left == 0
}

// rolesText says what roles a format takes.
func rolesText(choices [][]spec.RoleCount) string {
	texts := make([]string, len(choices))
	for i, roles := range choices {
		var parts []string
		for _, r := range roles {
			text := r.Role
			switch {
			case r.Min == 0 && r.Max > 1:
				text += " (any number)"
			case r.Min == 0:
				text += " (perhaps)"
			case r.Max > 1:
				text += " (one or more)"
			}
			parts = append(parts, text)
		}
		texts[i] = strings.Join(parts, ", ")
	}
	return strings.Join(texts, "; or ")
}

// transformOf is nil when nothing is changed.
func transformOf(t *v1alpha1.DatasetTransform) *spec.Transform {
	out := spec.Transform{
		Resize: int(t.Resize), Interpolation: string(t.Interpolation), CenterCrop: int(t.CenterCrop),
		Grayscale: t.Grayscale != nil && *t.Grayscale,
	}
	if out.Interpolation == string(v1alpha1.DatasetInterpolationBilinear) {
		out.Interpolation = ""
	}
	if out == (spec.Transform{}) {
		return nil
	}
	return &out
}

func resolveTransform(t *v1alpha1.DatasetTransform, norm spec.Normalization) (*spec.Transform, error) {
	out := transformOf(t)
	for _, size := range []struct {
		name  string
		value int32
	}{{"resize", t.Resize}, {"centerCrop", t.CenterCrop}} {
		if size.value < 0 || size.value > spec.LargestEdge {
			return nil, &FieldError{"spec.transform." + size.name, fmt.Sprintf("%d pixels", size.value), fmt.Sprintf("use 1 to %d", spec.LargestEdge)}
		}
	}
	known := []v1alpha1.DatasetInterpolation{"", v1alpha1.DatasetInterpolationBilinear, v1alpha1.DatasetInterpolationBicubic, v1alpha1.DatasetInterpolationNearest}
	switch {
	case !slices.Contains(known, t.Interpolation):
		return nil, &FieldError{"spec.transform.interpolation", fmt.Sprintf("unknown interpolation %q", t.Interpolation), "use bilinear, bicubic or nearest"}
	case t.Interpolation != "" && t.Resize == 0:
		return nil, &FieldError{"spec.transform.interpolation", "it is set without resize", "set resize, or remove it"}
	case t.Resize != 0 && t.CenterCrop > t.Resize:
		return nil, &FieldError{"spec.transform.centerCrop", fmt.Sprintf("%d pixels of images whose shorter edge has %d", t.CenterCrop, t.Resize), "crop within the image"}
	case out != nil && out.Grayscale && len(norm.Mean) > 1:
		return nil, &FieldError{"spec.normalization", fmt.Sprintf("%d means for images of one channel, which spec.transform.grayscale makes", len(norm.Mean)), "give one mean and one std"}
	}
	return out, nil
}

func optionsOf(o *v1alpha1.DatasetOptions) *spec.FormatOptions {
	out := spec.FormatOptions{Labels: string(o.Labels), ImageColumn: o.ImageColumn, LabelColumn: o.LabelColumn}
	if out.Labels == spec.LabelsFine {
		out.Labels = ""
	}
	if out == (spec.FormatOptions{}) {
		return nil
	}
	return &out
}

func resolveOptions(format v1alpha1.DatasetFormat, o *v1alpha1.DatasetOptions) (*spec.FormatOptions, error) {
	switch {
	case o.Labels != "" && format != v1alpha1.DatasetFormatCIFAR100:
		return nil, &FieldError{"spec.options.labels", "format " + string(format) + " has no choice of labels", "remove it, or use format cifar100"}
	case !slices.Contains([]v1alpha1.DatasetLabels{"", v1alpha1.DatasetLabelsFine, v1alpha1.DatasetLabelsCoarse}, o.Labels):
		return nil, &FieldError{"spec.options.labels", fmt.Sprintf("unknown labels %q", o.Labels), "use fine or coarse"}
	case o.ImageColumn != "" && format != v1alpha1.DatasetFormatParquet:
		return nil, &FieldError{"spec.options.imageColumn", "format " + string(format) + " has no columns", "remove it, or use format parquet"}
	case o.LabelColumn != "" && format != v1alpha1.DatasetFormatParquet:
		return nil, &FieldError{"spec.options.labelColumn", "format " + string(format) + " has no columns", "remove it, or use format parquet"}
	}
	return optionsOf(o), nil
}
