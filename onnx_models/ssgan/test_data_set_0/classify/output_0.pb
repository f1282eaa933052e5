
Bclass_logitsJPKÿÀs-Á=K'ÁÃ6ÁÈr¶ÀÖèÀS9úÀàW*Á‡Ï6Á:­Á¶eÁl4…Àµ}Á•M„Áz5xÁC=IÁ£½zÁýânÁøjÁù§oÁ