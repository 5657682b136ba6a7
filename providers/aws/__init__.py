"""AWS: EBS, S3 and KMS of any number of accounts and regions, by list, get and describe calls only."""
