"""An independent judge of two orgs. It asks their public REST API and nothing else."""
